INSERT INTO "a.b" VALUES (3, 'x', 7);
SELECT * FROM "a.b";
