SELECT (at).street, (first).id FROM shops, chains;
