#!lua flags=allow-oom
-- Asks, before a device is connected to, whether its breaker, or that of a bastion on the way or of a credential, is open.
-- One that may be tried again lets the caller try, and nobody else for a minute.
--
-- ARGV  2 endpoint · 3 credential, or '' · 4 '1' to try whatever is open · 5 how many bastions are on the way
--       6… the endpoints of these · … credentials of these
-- Gives {'OPEN', breaker, milliseconds until it may be tried, reason, words, credential that it keeps out, or ''} ·
--       {'OK', crypto profile it took last or '', '1' when failures are counted}
-- Cost  O(bastions)

local TRIAL_MS = 60000
local used, logins, counted, trials = {}, {}, '', {}
local behind = 5 + tonumber(ARGV[5])
for i = 3, #ARGV do
  if (i == 3 or i > behind) and ARGV[i] ~= '' and not used[ARGV[i]] then
    used[ARGV[i]] = true
    logins[#logins + 1] = ARGV[i]
  end
end

-- Asks one breaker; gives what it answers with when it is open.
local function ask(name, login)
  local facts = call('HMGET', key('breaker', name), 'n', 't', 'k', 'r', 'm')
  if facts[1] then counted = '1' end
  -- What a device, or a bastion before it, refused was another login: these may be right.
  local concerns = not facts[3] or used[facts[3]]
  if not facts[2] or not concerns or ARGV[4] == '1' then return nil end
  local wait = tonumber(facts[2]) - now
  if wait > 0 then return { 'OPEN', name, wait, facts[4], facts[5], login or facts[3] or '' } end
  trials[#trials + 1] = name
end

local open = ask('device/' .. ARGV[2])
for i = 6, behind do open = open or ask('bastion/' .. ARGV[i]) end
for _, login in ipairs(logins) do open = open or ask('credential/' .. login, login) end
if open then return open end
for _, name in ipairs(trials) do call('HSET', key('breaker', name), 't', ms(now + TRIAL_MS)) end
return { 'OK', call('HGET', key('ep', ARGV[2]), 'cp') or '', counted }
