#!lua flags=allow-oom
-- Asks, before a device is connected to, whether its breaker or that of the credential is open. One that may be tried
-- again lets the caller try, and nobody else for a minute.
--
-- ARGV  2 endpoint · 3 credential, or '' · 4 '1' to try whatever is open
-- Gives {'OPEN', breaker, milliseconds until it may be tried, reason, words} · {'OK', crypto profile it took last or '',
--       '1' when failures are counted}
-- Cost  O(1)

local TRIAL_MS = 60000
local names, counted, trials = { 'device/' .. ARGV[2] }, '', {}
if ARGV[3] ~= '' then names[2] = 'credential/' .. ARGV[3] end
for _, name in ipairs(names) do
  local facts = call('HMGET', key('breaker', name), 'n', 't', 'k', 'r', 'm')
  if facts[1] then counted = '1' end
  -- What a device refused was another login: this one may be right.
  local concerns = not facts[3] or facts[3] == ARGV[3]
  if facts[2] and concerns and ARGV[4] ~= '1' then
    local wait = tonumber(facts[2]) - now
    if wait > 0 then return { 'OPEN', name, wait, facts[4], facts[5] } end
    trials[#trials + 1] = name
  end
end
for _, name in ipairs(trials) do call('HSET', key('breaker', name), 't', ms(now + TRIAL_MS)) end
return { 'OK', call('HGET', key('ep', ARGV[2]), 'cp') or '', counted }
