INSERT INTO bookings SELECT n % 100, daterange('2024-01-01'::date + n, '2024-01-02'::date + n) FROM generate_series(1, 1000) n;
INSERT INTO prices SELECT n % 100, tstzrange('2024-01-01'::timestamptz + n * interval '1 day', '2024-01-02'::timestamptz + n * interval '1 day') FROM generate_series(1, 1000) n;
INSERT INTO shifts SELECT item, during FROM prices;
