-- Notes which layout the installation's keys have, unless another process changed the note meanwhile. KEYS[1] is the
-- installation's root.
--
-- ARGV  2 the layout noted so far, or '' for none · 3 layout · 4 the oldest layout whose software can work with it
-- Gives 1 when it was written, 0 when the note is another by now
-- Cost  O(1)

local schema = key('schema')
if (call('HGET', schema, 'version') or '') ~= ARGV[2] then return 0 end
call('HSET', schema, 'version', ARGV[3], 'least', ARGV[4])
return 1
