SELECT total FROM totals;
