INSERT INTO events VALUES (2, 'd'), (2000, 'e');
SELECT id FROM events WHERE id > 0;
INSERT INTO moods VALUES (3, 'bad');
