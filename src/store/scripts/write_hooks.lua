#!lua flags=allow-oom
-- Takes over which kinds of events webhooks ask for. KEYS[1] is the root of a zone, or the installation's for runs.
--
-- hooks        hash: kinds, each between spaces, and '#version' of the webhooks that they are of
-- hook-events  zset of "<kind> <subject>" by when it happened: what is to be brought to webhooks
-- hook-told    the same by when it was brought: it is brought once more
--
-- ARGV  2 version of the webhooks · 3 'force' when no later one is known any more · 4 the kinds, or ''
-- Gives OK · OLD (a later version was taken over before)
-- Cost  O(1); when nobody asks for anything any more, what was noted is freed behind Redis' work

local hooks = key('hooks')
local known = tonumber(call('HGET', hooks, '#version') or '0')
if tonumber(ARGV[2]) < known and ARGV[3] ~= 'force' then return 'OLD' end
call('HSET', hooks, '#version', ARGV[2], 'kinds', ARGV[4])
if ARGV[4] == '' then call('UNLINK', key('hook-events'), key('hook-told')) end
return 'OK'
