SELECT nextval('a_seq'), nextval('b_seq');
