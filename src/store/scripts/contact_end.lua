#!lua flags=allow-oom
-- Tells how a connection to a device went. Failures in a row open breakers; being let in closes them, and what waited for
-- the device goes on.
-- @include gather, event, move, hold, lines, place, freezes, limits, start, breaker
--
-- ARGV  2 endpoint · 3 credential, or '' · 4 reached, unreachable or refused · 5 crypto profile it took, or '' · 6 reason
--       7 words · 8 the endpoint of the bastion that was not reached, or '' · 9 how many bastions were reached
--       10… the endpoints of these · … credentials of the bastions on the way
-- Gives how many jobs were put into their lines
-- Cost  O(bastions), and O(jobs · log n) when a breaker is closed

local endpoint, credential, outcome = ARGV[2], ARGV[3], ARGV[4]
-- Failures in a row that open a breaker, and how long it stays open: twice as long each time, up to a bound.
local UNREACHABLE = { failures = 5, first = 30000, longest = 600000 }
local REFUSED = { failures = 3, first = 300000, longest = 3600000 }
local KEPT_MS = 3600000

local function failed(name, rule, refused)
  local breaker = breaker_key(name)
  -- Refusals of different logins, and refusals and silence, are no failures in a row.
  if (call('HGET', breaker, 'k') or '') ~= refused then call('DEL', breaker) end
  local count = call('HINCRBY', breaker, 'n', 1)
  call('HSET', breaker, 'r', ARGV[6], 'm', ARGV[7])
  if refused ~= '' then call('HSET', breaker, 'k', refused) end
  local pause = 0
  if count >= rule.failures then
    pause = math.min(rule.first * 2 ^ math.min(count - rule.failures, 20), rule.longest)
    call('HSETNX', breaker, 'o', now_text)
    call('HSET', breaker, 't', ms(now + pause))
  end
  call('PEXPIRE', breaker, ms(pause + KEPT_MS))
end

-- Also on the way to a device that is silent.
local behind = 9 + tonumber(ARGV[9])
local closed = 0
for i = 10, behind do closed = closed + call('DEL', breaker_key('bastion/' .. ARGV[i])) end

if outcome == 'unreachable' and ARGV[8] ~= '' then
  failed('bastion/' .. ARGV[8], UNREACHABLE, '')
elseif outcome == 'unreachable' then
  failed('device/' .. endpoint, UNREACHABLE, '')
elseif outcome == 'refused' and credential ~= '' then
  failed('device/' .. endpoint, REFUSED, credential)
  failed('credential/' .. credential, REFUSED, '')
elseif outcome == 'refused' then
  -- A login that nobody else has keeps nobody else out; it only shows that the device is not silent.
  local breaker = breaker_key('device/' .. endpoint)
  if call('HEXISTS', breaker, 'k') == 0 then call('DEL', breaker) end
else
  if ARGV[5] ~= '' then call('HSET', key('ep', endpoint), 'cp', ARGV[5]) end
  closed = closed + call('DEL', breaker_key('device/' .. endpoint))
  if credential ~= '' then closed = closed + call('DEL', breaker_key('credential/' .. credential)) end
  for i = behind + 1, #ARGV do closed = closed + call('DEL', breaker_key('credential/' .. ARGV[i])) end
  if closed > 0 then return release_put_off(endpoint) end
end
return 0
