#!lua flags=allow-oom
-- Tells which schedules are due.
--
-- ARGV  2 most
-- Gives {now, when the first that is not due comes (-1: none), names…}
-- Cost  O(log n + names)

local due = key('schedules-due')
local names = call('ZRANGE', due, '-inf', now_text, 'BYSCORE', 'LIMIT', 0, ARGV[2])
local later = call('ZRANGE', due, '(' .. now_text, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
return { now_text, later[2] or '-1', unpack(names) }
