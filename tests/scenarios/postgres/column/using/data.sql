INSERT INTO t SELECT n, n || ',5', 10 * n, n % 2, '2026-01-01', CASE n % 3 WHEN 0 THEN '' ELSE '2026-02-02' END, 'k'
FROM generate_series(1, 100) n;
