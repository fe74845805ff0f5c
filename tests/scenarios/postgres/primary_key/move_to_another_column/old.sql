INSERT INTO t VALUES (100, gen_random_uuid()) ON CONFLICT (old_id) DO NOTHING;
