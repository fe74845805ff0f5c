INSERT INTO app.people VALUES (1);
INSERT INTO letters VALUES (1, 1);
