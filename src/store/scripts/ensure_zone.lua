-- Makes a zone known and gives it a number, once. KEYS[1] is the installation's root.
--
-- ARGV  2 zone · 3 most zones there may be
-- Gives the number, or -1 when there are too many
-- Cost  O(1)

local zones = key('zones')
local number = call('HGET', zones, ARGV[2])
if number then return tonumber(number) end
local count = call('HLEN', zones)
if count >= tonumber(ARGV[3]) then return -1 end
call('HSET', zones, ARGV[2], count)
return count
