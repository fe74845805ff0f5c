INSERT INTO events SELECT n, DATE '2020-01-01' + n % 700, 'n' FROM generate_series(1, 100) n; ANALYZE events
