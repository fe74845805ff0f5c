INSERT INTO prices VALUES (1, 2, '[2:3]={3,4}', ROW(5, 'a, b'), ARRAY[ROW(6, '"')::price, NULL], ARRAY[7]);
INSERT INTO baskets SELECT all_of FROM prices all_of;
INSERT INTO yearly VALUES (1, ARRAY[8, 9]);
