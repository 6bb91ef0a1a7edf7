-- `placing(most, busy, queued, ready)`: the module places.lua and the object that it works on; nothing for a stream without order by key
-- (`most` is 0), which does not load the module.
-- @lazy stream/places
local function placing(most, busy, queued, ready)
  if most ~= '0' then
    local places = load_places()
    return places, places.open(busy, queued, ready, most)
  end
end
