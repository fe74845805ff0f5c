INSERT INTO fresh VALUES (100, 'old');
