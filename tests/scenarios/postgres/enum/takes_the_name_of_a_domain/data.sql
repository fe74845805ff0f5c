INSERT INTO people VALUES (1, 'sad', '{glad,sad}'), (2, NULL, NULL);
