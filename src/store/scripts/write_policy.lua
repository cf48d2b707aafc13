#!lua flags=allow-oom
-- Stores a policy of the installation, or takes it away.
--
-- ARGV  2 its name, with its kind · 3 the policy as the inside of a JSON object, or '' to take it away · 4 'new' when
--       there must be none of the name · 5 how many there may be
-- Gives {'OK', time, what was there before or ''} · {'EXISTS'} · {'FULL'} · {'NONE'}
-- Cost  O(1)

local policies, name = key('policies'), ARGV[2]
local before = call('HGET', policies, name)
if ARGV[3] == '' then
  if not before then return { 'NONE' } end
  call('HDEL', policies, name)
else
  if before and ARGV[4] == 'new' then return { 'EXISTS' } end
  if not before and call('HLEN', policies) > tonumber(ARGV[5]) then return { 'FULL' } end
  call('HSET', policies, name, '{' .. ARGV[3] .. ',"createMs":' .. now_text .. '}')
end
call('HINCRBY', policies, '#version', 1)
return { 'OK', now_text, before or '' }
