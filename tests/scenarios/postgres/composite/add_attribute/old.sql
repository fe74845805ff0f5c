SELECT (at).zip FROM shops;
