SET TIME ZONE 'UTC'; BEGIN; SHOW ALL; DISCARD ALL; SELECT date_trunc('hour', at) + interval '1 day' FROM trades
