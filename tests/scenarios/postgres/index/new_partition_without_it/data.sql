INSERT INTO events VALUES (1, '2026-01-01', 'first');
