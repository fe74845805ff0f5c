INSERT INTO sums (a) VALUES (1), (2);
