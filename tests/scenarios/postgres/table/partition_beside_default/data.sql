INSERT INTO events VALUES (1, 'a'), (1000, 'b');
INSERT INTO events_old VALUES (-1, 'c');
INSERT INTO moods VALUES (1, 'bad'), (2, 'worse');
