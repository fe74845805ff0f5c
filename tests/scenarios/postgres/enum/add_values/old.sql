INSERT INTO tasks VALUES (3, 'todo');
SELECT * FROM tasks WHERE state > 'todo';
