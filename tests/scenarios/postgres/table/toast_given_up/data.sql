INSERT INTO "full" VALUES (1, 'x');
