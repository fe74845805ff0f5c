INSERT INTO docs VALUES (100, 'more', 'Title');
SELECT * FROM docs WHERE body % 'mor';
