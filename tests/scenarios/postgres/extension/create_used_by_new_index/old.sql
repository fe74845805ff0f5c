INSERT INTO docs VALUES (100, 'more');
