#!lua flags=allow-oom
-- Buries a worker whose beat has not changed while a reaper watched, and frees its devices, a bounded number a call.
-- Also ends the registration of one that retires: then the beat is not asked for. While the zone is being reconciled,
-- only who is given up is buried: one whose journal is missing, and whose devices are held for it. Nor does one retire
-- then whose journal was not told to this history: what it did may be forgotten, and is not to be taken for nothing.
-- @include gate, event, move, hold, lines, place, freezes, limits, rates, close_job, lose, skills
--
-- ARGV  2 worker · 3 the beat the reaper saw, or 'retire' · 4 devices to free at most
-- Gives {'1' when it is buried, devices still to free}
-- Cost  O(devices · log n)

local worker, limit = ARGV[2], tonumber(ARGV[4])
local me = key('worker', worker)
local mine = call('HMGET', me, 'st', 'beat', 'missing', 'settled')
if not mine[1] then return { '1', 0 } end
if not mine[3] and gate_shut() == 'SHUT' and (ARGV[3] ~= 'retire' or mine[4] ~= identity()) then return { '0', 0 } end
if mine[1] ~= 'dead' then
  if ARGV[3] ~= 'retire' and not mine[3] and mine[2] ~= ARGV[3] then return { '0', 0 } end
  call('HSET', me, 'st', 'dead', 'dead', now_text, 'run', 0, 'ses', 0)
  call('SREM', key('alive'), worker)
  call('SREM', key('idle'), worker)
  call('SREM', key('witnesses'), worker)
  call('HDEL', key('newcomers'), worker)
  lose_skills(worker)
  call('UNLINK', key('sessions', worker), key('session-use', worker), key('session-ends', worker))
  call('ZADD', key('graves'), now, worker)
end

for _, endpoint in ipairs(call('SRANDMEMBER', key('owned', worker), limit)) do
  local device = key('ep', endpoint)
  local facts = call('HMGET', device, 'own', 'run')
  if facts[1] == worker and facts[2] then
    call('HDEL', device, 'run')
    lose(facts[2], endpoint, mine[3])
  end
  if facts[1] == worker then
    if mine[3] then hold_for(endpoint, 'worker/' .. worker) end
    let_go(endpoint, worker)
    place(endpoint)
  else
    call('SREM', key('owned', worker), endpoint)
  end
end
local left = call('SCARD', key('owned', worker))
if left == 0 then call('UNLINK', key('warm', worker), key('cancels', worker)) end
return { '1', left }
