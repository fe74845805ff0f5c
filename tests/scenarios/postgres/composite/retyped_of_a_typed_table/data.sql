INSERT INTO spots VALUES (1, 2, 'here');
