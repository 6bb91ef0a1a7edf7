--- Let the workers of a stream publish their events for some time.
--
-- A worker that does not get the message notices within ten seconds. So a Redis user that may not publish can watch, a little later.
-- @batch 1
-- @full runs         one short key with a TTL
-- @item key watched string: exists while somebody watches the stream
-- @item arg lasts   milliseconds
-- @item arg channels pub/sub channels that the workers of its groups follow, separated by spaces
-- @returns integer  1

local function item(watched, lasts, channels)
  redis.call('SET', watched, 1, 'PX', lasts)
  for channel in string.gmatch(channels, '%S+') do
    redis.pcall('SPUBLISH', channel, '')
  end
  return 1
end
