SELECT (at).street FROM shops;
