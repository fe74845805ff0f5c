SELECT id FROM fresh;
