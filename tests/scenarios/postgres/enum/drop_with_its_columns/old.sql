INSERT INTO tasks VALUES (3, 'todo', '{done}');
