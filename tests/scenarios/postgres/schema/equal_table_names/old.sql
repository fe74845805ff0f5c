INSERT INTO archive.items (id, label) VALUES (1, 'x');
INSERT INTO items (id, label) VALUES (1, 'x');
SELECT id, label FROM archive.items WHERE label = 'x';
