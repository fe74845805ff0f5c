SELECT at FROM slots;
