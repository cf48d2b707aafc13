-- Takes runs that are to be created. Whoever takes them has some time for it; then another may.
--
-- ARGV  2 most · 3 how long others wait, in milliseconds · 4 one run, or '' for any that is to be tried
-- Gives {{run, name, uid, time, creator, spec, cancels}, …}
-- Cost  O(runs · log n)

local firings = key('firings')
local runs = ARGV[4] ~= '' and { ARGV[4] } or call('ZRANGE', firings, '-inf', now_text, 'BYSCORE', 'LIMIT', 0, ARGV[2])
local taken = {}
for _, run in ipairs(runs) do
  local facts = call('HMGET', key('firing', run), 'name', 'uid', 'time', 'creator', 'run', 'cancels')
  if facts[1] then
    call('ZADD', firings, ms(now + ARGV[3]), run)
    taken[#taken + 1] = { run, unpack(facts) }
  end
end
return taken
