UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'events_1'::regclass;
