package cosapi

import "net/http"

// kindOf classes an answer by its code, or by its status when the code says
// nothing: gateways in front of COS answer what they like.
func kindOf(code string, status int) Kind {
	if k, ok := kindByCode[code]; ok {
		return k
	}
	if k, ok := kindByStatus[status]; ok {
		return k
	}
	if status >= 500 {
		return Unavailable
	}
	return Other
}

// worthRetrying says that the same request may succeed when sent again.
func (k Kind) worthRetrying() bool {
	return k == Unavailable || k == Throttled || k == Corrupt
}

// kindByCode is the table of cos-api.md 4.3. Codes missing here are classed
// by status. Unavailable, Throttled and Corrupt are the retried ones.
var kindByCode = map[string]Kind{
	"NoSuchKey":        NotFound,
	"NoSuchResource":   NotFound,
	"NoSuchVersion":    NotFound,
	"NoSuchCopySource": NotFound,
	"NoSuchBucket":     NoBucket,
	"NoSuchUpload":     NoUpload,

	"NoSuchCORSConfiguration":               NotSet,
	"NoSuchLifecycleConfiguration":          NotSet,
	"NoSuchTagSet":                          NotSet,
	"NoSuchTagSetError":                     NotSet,
	"NoSuchEncryptionConfiguration":         NotSet,
	"NoSuchWebsiteConfiguration":            NotSet,
	"NoSuchBucketPolicy":                    NotSet,
	"ReplicationConfigurationNotFoundError": NotSet,

	"AccessDenied":             Denied,
	"AccessForbidden":          Denied,
	"DownloadForbidden":        Denied,
	"ExpiredToken":             Denied,
	"InvalidAccessKeyId":       Denied,
	"KmsException":             Denied,
	"KmsKeyDisabled":           Denied,
	"KmsKeyNotExist":           Denied,
	"Request has expired":      Denied,
	"SSEContentNotSupported":   Denied,
	"SSEHeaderNotAllowed":      Denied,
	"SignatureDoesNotMatch":    Denied,
	"SsecDecryptHeaderInvalid": Denied,
	"RequestTimeTooSkewed":     Skewed,

	"BucketAlreadyExists":           Exists,
	"BucketAlreadyExistsDiffRegion": Exists,
	"BucketAlreadyOwnedByYou":       Exists,
	"FileAlreadyExists":             Exists,
	"BucketNotEmpty":                NotEmpty,
	"PreconditionFailed":            Changed,
	"AppendPositionErr":             Changed,

	"BadRequest":                  Invalid,
	"BadRquest":                   Invalid,
	"BucketVersionNotOpen":        Invalid,
	"EntityTooSmall":              Invalid,
	"InvalidArgument":             Invalid,
	"InvalidBucketName":           Invalid,
	"InvalidBucketState":          Invalid,
	"InvalidCopySource":           Invalid,
	"InvalidDelimiter":            Invalid,
	"InvalidDigest":               Invalid,
	"InvalidLocationConstraint":   Invalid,
	"InvalidObjectName":           Invalid,
	"InvalidPart":                 Invalid,
	"InvalidPartOrder":            Invalid,
	"InvalidPolicyDocument":       Invalid,
	"InvalidRegionName":           Invalid,
	"InvalidRequest":              Invalid,
	"InvalidTag":                  Invalid,
	"InvalidURI":                  Invalid,
	"InvalidUploadStatus":         Invalid,
	"LifeCycleIdNotUnique":        Invalid,
	"LifeCycleRuleConflicted":     Invalid,
	"ListPartUploadIdIsEmpty":     Invalid,
	"MalformedPOSTRequest":        Invalid,
	"MalformedPolicy":             Invalid,
	"MalformedXML":                Invalid,
	"MissingContentLength":        Invalid,
	"MissingContentMD5":           Invalid,
	"MissingRequestBodyError":     Invalid,
	"MultiBucketNotSupport":       Invalid,
	"NotSupportedStorageClass":    Invalid,
	"ObjectNotAppendable":         Invalid,
	"PathStyleDomainForbidden":    Invalid,
	"RestoreNonArchiveObject":     Invalid,
	"UnexpectedContent":           Invalid,
	"VerifyAlgorithmNotSupported": Invalid,
	"XMLSizeLimit":                Invalid,

	"BucketNameTooLong": NameTooLong,
	"KeyTooLong":        NameTooLong,
	"EntityTooLarge":    TooLarge,
	"MetadataTooLarge":  TooLarge,
	"AttachmentFull":    NoSpace,
	"PolicyFull":        NoSpace,
	"TooManyBuckets":    NoSpace,

	"InvalidRange":             OutOfRange,
	"InvalidObjectState":       Archived,
	"RestoreAlreadyInProgress": InProgress,
	"BucketLocked":             Locked,
	"ObjectLocked":             Locked,
	"InvalidLockedTime":        Locked,

	"ActionAccelerateNotSupported": Unsupported,
	"BucketAccelerateNotEnabled":   Unsupported,
	"MethodNotAllowed":             Unsupported,
	"NotImplemented":               Unsupported,

	"SlowDown":       Throttled,
	"KmsFreqControl": Throttled,

	"EntitySizeNotMatch":     Unavailable,
	"IncompleteBody":         Unavailable,
	"InternalError":          Unavailable,
	"InternalErrror":         Unavailable, // sic, old table
	"KmsInternalException":   Unavailable,
	"PathConflict":           Unavailable, // two writers of a key within milliseconds
	"QuotaConflict":          Unavailable,
	"QuotaOperationConfilct": Unavailable, // sic
	"RequestTimeOut":         Unavailable,
	"RequestTimeout":         Unavailable,
	"ServiceUnavailable":     Unavailable,
	"UploadConflict":         Unavailable,
	"UserNetworkTooSlow":     Unavailable,
	"BadDigest":              Corrupt, // the body was damaged on its way: send it again
	"InvalidSHA1Digest":      Invalid,
}

var kindByStatus = map[int]Kind{
	http.StatusNotModified:                  NotModified,
	http.StatusBadRequest:                   Invalid,
	http.StatusUnauthorized:                 Denied,
	http.StatusForbidden:                    Denied,
	http.StatusNotFound:                     NotFound,
	http.StatusMethodNotAllowed:             Unsupported,
	http.StatusRequestTimeout:               Unavailable,
	http.StatusLengthRequired:               Invalid,
	http.StatusPreconditionFailed:           Changed,
	http.StatusRequestEntityTooLarge:        TooLarge,
	http.StatusRequestURITooLong:            NameTooLong,
	http.StatusRequestedRangeNotSatisfiable: OutOfRange,
	http.StatusTooManyRequests:              Throttled,
	http.StatusNotImplemented:               Unsupported,
}

// fallbackCode is the code of an answer that names none, HEAD errors above
// all (cos-api.md 4.1).
func fallbackCode(status int) string {
	switch status {
	case http.StatusNotFound:
		return "NotFound"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "AccessDenied"
	case http.StatusPreconditionFailed:
		return "PreconditionFailed"
	case http.StatusRequestedRangeNotSatisfiable:
		return "InvalidRange"
	case http.StatusServiceUnavailable:
		return "ServiceUnavailable"
	case http.StatusNotImplemented:
		return "NotImplemented"
	}
	if status >= 500 {
		return "InternalError"
	}
	return ""
}
