--- Append to the output of an entry that a worker has, for those that wait for its result.
--
-- Invariant: an output has the text of one delivery, in the order in which it was written. The first write of a later delivery replaces it,
-- and a worker without the lease writes nothing. The key is a string: the fence of the delivery in 16 digits, then its text.
-- Its key ends by its TTL, so nothing has to delete it when the entry ends.
-- @batch 32
-- @full refused      it stores text
-- @include stream/pending
-- @include typed
-- @shared group    group
-- @shared consumer name of the worker's consumer
-- @shared channels prefix of the pub/sub channels of outcomes
-- @item key stream stream, or the group's stream of ready entries
-- @item key output output of the entry
-- @item arg position position of the entry there
-- @item arg id     entry
-- @item arg fence  fence of the delivery, in 16 digits
-- @item arg lasts  milliseconds for which the output is kept
-- @item arg text   text to append
-- @returns integer bytes of the output; 0 when the worker does not have the entry; -1 when the output would be too long

local HEAD, MOST = 16, 1048576

local function item(stream, output, position, id, fence, lasts, text)
  local wrong = typed(stream, 'stream') or typed(output, 'string')
  if wrong then
    return wrong
  end
  if not pending(stream, group, { position }, consumer)[position] then
    return 0
  end
  local same = redis.call('GETRANGE', output, 0, HEAD - 1) == fence
  local start = same and redis.call('STRLEN', output) - HEAD or 0
  local size = start + #text
  if size > MOST then
    return -1
  end
  if same then
    redis.call('APPEND', output, text)
    redis.call('PEXPIRE', output, lasts)
  else
    redis.call('SET', output, fence .. text, 'PX', lasts)
  end
  redis.pcall('SPUBLISH', channels .. id, 'o' .. fence .. ' ' .. start .. ' ' .. text)
  return size
end
