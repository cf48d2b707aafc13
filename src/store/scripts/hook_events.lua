#!lua flags=allow-oom
-- Gives events that are to be brought to webhooks, the oldest first: those that never were, and those that were a while ago.
-- None while memory runs short: their deliveries are larger than they are.
-- @include memory
--
-- ARGV  2 how many of each at most · 3 how long ago the others were brought, in milliseconds
-- Gives {event, time, …} of the first, and of the others, whose time their text begins with
-- Cost  O(events + log n)

if is_short(MEMORY_FOR_WORK) then return { {}, {} } end
local first = call('ZRANGE', key('hook-events'), 0, ARGV[2] - 1, 'WITHSCORES')
local again = call('ZRANGE', key('hook-told'), '-inf', ms(now - tonumber(ARGV[3])), 'BYSCORE', 'LIMIT', 0, ARGV[2])
return { first, again }
