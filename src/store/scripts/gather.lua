-- Shared by scripts that take many jobs in one call: what several of them write to one key goes there in one command,
-- and they are announced in one entry of the feed.

local gathered, news, offers = {}, {}, {}

-- Carries out what was gathered.
settle = function()
  local commands, devices = gathered, offers
  gathered, offers = {}, {}
  for _, command in ipairs(commands) do call(unpack(command)) end
  for owner, list in pairs(devices) do offer(owner ~= '' and owner, list, 'LT') end
  if #news > 0 then
    tell(news)
    news = {}
  end
end

-- Writes to one key keep their order: those that another command does come after.
write = function(command, where, a, b)
  if gathered[where] and gathered[where][1] ~= command then settle() end
  local list = gathered[where]
  if not list then
    list = { command, where }
    gathered[where] = list
    gathered[#gathered + 1] = list
  end
  list[#list + 1] = a
  if b then list[#list + 1] = b end
end

announce = function(id, number)
  news[#news + 1] = id
  news[#news + 1] = number
end

-- Offers a device that was on no list, or stays on its list with what it had or better.
local function offer_gathered(endpoint, device, score)
  local owner = taker(endpoint, device) or ''
  local list = offers[owner] or {}
  offers[owner] = list
  list[#list + 1] = score
  list[#list + 1] = endpoint
end
