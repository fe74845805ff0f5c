INSERT INTO bookings SELECT int4range(n % 100, n % 100 + 1), daterange('2024-01-01'::date + n, '2024-01-02'::date + n) FROM generate_series(1, 1000) n;
INSERT INTO bookings VALUES (NULL, '[2024-01-01,2024-02-01)'), (NULL, '[2024-01-01,2024-02-01)');
