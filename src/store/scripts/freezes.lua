-- Shared by scripts that ask whether changes may start: what policies say of this zone. `freezes` holds, by the policy's
-- name, "all" or "some" (then the devices it holds for are in the set `frozen` of it) and the times in which no change
-- starts, in milliseconds, each "from-to" or, with an open end, "from-"; `#version` says of which policies.

-- Until when a text closes: milliseconds as text, '' for an open end; nil when it does not close now.
local function closed_until(text)
  for from, to in string.gmatch(text, ' (%d+)-(%d*)') do
    if tonumber(from) <= now and (to == '' or tonumber(to) > now) then return to end
  end
  return nil
end

-- Whether a name is a policy's, among those under which jobs wait aside.
local function is_policy(name)
  return string.find(name, '^freeze/') or string.find(name, '^window/') or string.find(name, '^stop/')
end

-- Until when a policy closes whatever it holds for; nil when it does not now.
local function policy_until(name)
  local text = call('HGET', key('freezes'), name)
  return text and closed_until(text)
end

-- The policies that close something now, by name.
local closing_now
local function closing_policies()
  if closing_now then return closing_now end
  closing_now = {}
  local all = call('HGETALL', key('freezes'))
  for i = 1, #all, 2 do
    local until_time = is_policy(all[i]) and closed_until(all[i + 1])
    if until_time then
      closing_now[#closing_now + 1] = { name = all[i], ends = until_time, some = string.find(all[i + 1], '^some') }
    end
  end
  table.sort(closing_now, function(a, b) return a.name < b.name end)
  return closing_now
end

-- The policy that keeps the jobs of a device's line from starting, and until when; nil when none does.
local function frozen(endpoint, line)
  if line ~= 'changes' then return nil end
  for _, policy in ipairs(closing_policies()) do
    if not policy.some or call('SISMEMBER', key('frozen', policy.name), endpoint) == 1 then
      return policy.name, policy.ends
    end
  end
  return nil
end
