#!lua flags=allow-oom
-- Keeps what a worker tells of the sessions that it holds: only what has changed since it told last.
--
-- ARGV  2 worker · 3 '1' when it tells of all of them: what was known before is forgotten · 4 how many are gone · then
--       these · then number, facts ('' when they are known), use of each that is new or was used
-- Gives OK · DEAD (nobody asks for the sessions of a worker that is buried)
-- Cost  O(sessions told of)

local worker = ARGV[2]
local state = call('HGET', key('worker', worker), 'st')
if not state or state == 'dead' then return 'DEAD' end
if ARGV[3] == '1' then call('UNLINK', key('sessions', worker), key('session-use', worker)) end
local first = 5 + tonumber(ARGV[4])
for i = 5, first - 1 do
  call('HDEL', key('sessions', worker), ARGV[i])
  call('HDEL', key('session-use', worker), ARGV[i])
  call('HDEL', key('session-ends', worker), ARGV[i])
end
for i = first, #ARGV, 3 do
  if ARGV[i + 1] ~= '' then call('HSET', key('sessions', worker), ARGV[i], ARGV[i + 1]) end
  call('HSET', key('session-use', worker), ARGV[i], ARGV[i + 2])
end
return 'OK'
