INSERT INTO slots SELECT i, '[1,2]', '{}' FROM generate_series(1, 20) i;
