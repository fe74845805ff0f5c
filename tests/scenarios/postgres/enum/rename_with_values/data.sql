INSERT INTO jobs VALUES (1, 'failed'), (2, 'done');
