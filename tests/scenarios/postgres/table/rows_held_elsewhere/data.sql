INSERT INTO a VALUES (1, 'a');
INSERT INTO b (k, many, as_domain, as_part, last) VALUES
  (1, ARRAY[ROW(2, 'c"')::a, NULL, ROW(NULL, NULL)::a], ROW(3, NULL), ROW(4, ARRAY[ROW(5, 'e,')::a]), ROW(6, 'f')),
  (2, '[3:4]={NULL,"(7,\"g h\")"}', NULL, NULL, NULL);
INSERT INTO deep SELECT 1, b FROM b;
INSERT INTO marked VALUES (1, ROW(3, 4));
