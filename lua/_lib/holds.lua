-- `holds(…)`: whether the consumer still has the lease of an entry. The fence is the consumer's name and the
-- number of deliveries: a claim by anyone, itself included, changes one of the two.
local function holds(stream, group, consumer, id, attempt)
  local held = redis.call('XPENDING', stream, group, id, id, 1, consumer)[1]
  return held ~= nil and held[4] == tonumber(attempt)
end
