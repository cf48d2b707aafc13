#!lua flags=allow-oom
-- Notes whose journals are told: the zone's gate waits for them. They also say which workers had come: of those that this
-- Redis forgot, the journals are waited for as well.
-- @include gate, reconciling
--
-- ARGV  2 worker that tells · 3 the history that it tells · 4 how many journals it has read · 5… whose they are, itself
--       among them · then workers that are written down there and the numbers of their registrations, in turn
-- Gives OK · ANOTHER (this is another history: it was told nothing, and nothing is noted)
-- Cost  O(workers)

if is_another(ARGV[3]) then return 'ANOTHER' end
local who, gate = identity(), key('gate')
local shut = who and call('HGET', gate, 'id') ~= who
if shut then begin_reconciling(who) end
local journals = { unpack(ARGV, 5, 4 + tonumber(ARGV[4])) }

-- Once the gate is open, only a journal that was missing has something to say of others.
local heard = shut
for _, journal in ipairs(journals) do
  heard = heard or call('SISMEMBER', key('closed'), 'worker/' .. journal) == 1
end
local known = call('HMGET', gate, 'regs', 'anew', 'mark')
if heard and known[1] then
  for i = 5 + #journals, #ARGV, 2 do
    local number = tonumber(ARGV[i + 1])
    if number > tonumber(known[1]) and number <= tonumber(known[2]) and is_unknown(ARGV[i]) then
      if shut then
        call('SADD', key('unknown'), ARGV[i])
      else
        close_for(ARGV[i], known[3] or 0)
      end
    end
  end
end

call('SADD', key('replayed'), unpack(journals))
for _, journal in ipairs(journals) do
  -- Whoever is no more writes nobody down.
  if journal ~= ARGV[2] then call('SREM', key('witnesses'), journal) end
end
if who and call('EXISTS', key('worker', ARGV[2])) == 1 then
  call('HSET', key('worker', ARGV[2]), 'settled', who)
  call('HDEL', key('worker', ARGV[2]), 'missing')
end
return 'OK'
