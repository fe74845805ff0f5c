INSERT INTO events SELECT n, '2020-02-02'::date + n, 'n' FROM generate_series(1, 900) n;
