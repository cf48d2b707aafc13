#!lua flags=allow-oom
-- Locks a device for its owner, or changes the lock its owner has. The jobs of the owner that already wait are put
-- where they pass the lock, a bounded number a call: the caller calls again from where it is told.
-- @include hold, lines, place
--
-- ARGV  2 endpoint · 3 owner · 4 scope (CHANGES, ALL) · 5 milliseconds it lasts, or '' · 6 the lock as the inside of a
--       JSON object · 7 line to go on with, or '' at first · 8 score to go on from
-- Gives {'LOCKED', owner} (by another) · {'OK'} · {'MORE', line, score}
-- Cost  O(jobs looked at · log n)

local CHUNK = 1000
local endpoint, owner = ARGV[2], ARGV[3]
local device = key('ep', endpoint)
local holder = call('HGET', device, 'locker')
if holder and holder ~= owner then return { 'LOCKED', holder } end

if ARGV[7] == '' then
  call('HSET', device, 'lock', ARGV[4], 'locker', owner, 'locked', '{' .. ARGV[6] .. ',"timeMs":' .. now_text
    .. (ARGV[5] ~= '' and ',"expireMs":' .. ms(now + tonumber(ARGV[5])) or '') .. '}')
  if ARGV[5] ~= '' then
    call('ZADD', key('locks'), now + tonumber(ARGV[5]), endpoint)
  else
    call('ZREM', key('locks'), endpoint)
  end
end

local lines = { 'reads', 'changes' }
for index = ARGV[7] == 'changes' and 2 or 1, 2 do
  local line = lines[index]
  local from = line == ARGV[7] and ARGV[8] or '-inf'
  local found = call('ZRANGE', key(line, endpoint), from, '+inf', 'BYSCORE', 'LIMIT', 0, CHUNK, 'WITHSCORES')
  for i = 1, #found, 2 do
    if definition_of(found[i]).by == owner then
      call('ZADD', key(line .. '-pass', endpoint), found[i + 1], found[i])
    end
  end
  if #found == 2 * CHUNK then return { 'MORE', line, found[#found] } end
end
place(endpoint)
return { 'OK' }
