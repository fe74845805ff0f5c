INSERT INTO users VALUES (gen_random_uuid());
