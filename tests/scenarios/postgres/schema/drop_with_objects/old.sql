INSERT INTO app.people (mood) VALUES ('glad');
INSERT INTO app.letters (sender_id) SELECT id FROM app.people;
